"""Image to structure: boxes, and the parts of an image that they cut out."""
