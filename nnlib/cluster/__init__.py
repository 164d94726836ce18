"""Work in parts, on the workers of an engine that exists: Ray, Dask, joblib or an executor.

`door` finds the engine that an argument ``cluster`` names. `schedule` cuts the work into parts of
about a second, has the engine run them and takes what comes back. What a part is, and what is done
with its outcome, the caller says by a `schedule.Job`: a part is a range of members of a population,
or of whatever else can be numbered. Every engine is one small file; `worker` is what runs on its
workers.
"""
