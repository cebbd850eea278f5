"""Answers to a study while its server is killed; `python -m benchmarks.study_writers`."""
