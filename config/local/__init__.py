"""The embedded cluster: a bundled Valkey and real Celery workers on this machine."""
