"""What holds for every test."""

from hypothesis import HealthCheck, settings

# No test is timed: a machine that is busy with something else is no finding.
settings.register_profile("keyferry", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("keyferry")
