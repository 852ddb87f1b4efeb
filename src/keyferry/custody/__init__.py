"""The rules. Every operation takes the caller first, and passes one gate: authorised? audited? then done."""
