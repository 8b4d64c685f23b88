"""Settings of the whole suite."""

from hypothesis import HealthCheck, settings

settings.register_profile("suite", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")
