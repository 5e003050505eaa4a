"""What travels to a worker and what runs there."""
