"""The compiled folder, as the runtime reads it: `manifest.json` and one `job.yaml` per job.

Every key is known and typed; a key that is not known is an error, so nothing in a job is silently ignored.
"""
