"""What the features are worth: classification and background tests."""
