"""The browser door: pages rendered here, a little script, and custody behind them as behind every door."""
