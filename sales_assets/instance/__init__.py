"""What this project adds to a Dagster instance, as named in its `dagster.yaml`.

Dagster loads these classes by name in every process that opens the instance. They import nothing
else from this project.
"""

import warnings

# A dagster.yaml that names a class of this package is used as it is meant to be.
warnings.filterwarnings("ignore", message=".*yaml-defined logging configuration")
