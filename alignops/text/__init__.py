"""Caption to structure: entities and relations."""
