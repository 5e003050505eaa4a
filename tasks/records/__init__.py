"""What the store knows of a job: one record a job, one state a task, one line for each completion."""
