"""Forecasts from fitted pipelines: rows to come, intervals, backtests, updates."""
