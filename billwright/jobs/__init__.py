"""The worker: runs jobs that transactions queued, and what is due by the clock.

PostgreSQL is the truth. Redis (through ARQ) only carries the ids of fresh jobs, so that they start at once; whatever it
loses, the sweep finds in the table. The timetable does not need Redis at all.
"""
