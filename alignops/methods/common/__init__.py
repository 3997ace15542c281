"""What the methods share: pairs, boxes, captions, embeddings, scorers, and what a method is."""
