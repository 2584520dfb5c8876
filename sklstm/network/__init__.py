"""The networks: the LSTM, its training, and the pretrained prior."""
