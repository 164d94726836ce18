"""Turn a record into the report: ``python -m bench.report``, see `bench.report.pages`."""

from .pages import main

if __name__ == "__main__":
    main()
