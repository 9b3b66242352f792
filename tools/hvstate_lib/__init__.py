"""The inspector of saved streams, written from docs/stream.md alone."""
