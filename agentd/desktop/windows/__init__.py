"""The windows on the screen, and the programs behind them."""
