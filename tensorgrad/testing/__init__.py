"""What a test of derivatives needs."""
