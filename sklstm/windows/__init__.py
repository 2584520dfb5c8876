"""Windows of past rows: labels, tables of series, and the transformer."""
