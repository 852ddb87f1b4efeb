"""`make bench`: figures as ratios against a limit, or against the bare operation in the same run."""
