"""Tables, the engine, the writer and sealed rows. Knows rows, not rules."""
