"""What runs in pages: the prompt widget."""
