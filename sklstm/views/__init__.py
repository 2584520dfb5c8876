"""What is drawn: forecasts, gates and contributions."""
