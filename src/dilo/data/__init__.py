"""Images, labels and batches by number; the synthetic scenes. No torch."""
