"""Images to structure: boxes, masks and the regions that they cover."""
