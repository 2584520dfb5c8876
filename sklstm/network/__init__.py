"""The LSTM: its kernels, the maps around it, its training, and the regressors."""
