"""What a worker process does beside the tasks."""
