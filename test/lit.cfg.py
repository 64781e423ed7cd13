# How lit runs the .mlir and command-line tests. The build folder's lit.site.cfg.py sets the paths.
import os

import lit.formats
import lit.llvm

config.name = "mixserve"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.mixserve_build_dir, "test")
config.excludes = ["Inputs", "Unit"]

lit.llvm.initialize(lit_config, config)
from lit.llvm import llvm_config  # exists only after initialize

# %models and %source name committed files; tests never use other paths outside %t.
config.substitutions.append(("%models", os.path.join(config.mixserve_source_dir, "models")))
config.substitutions.append(("%source", config.mixserve_source_dir))
llvm_config.with_environment("PATH", config.llvm_tools_dir, append_path=True)
llvm_config.with_environment("PATH", os.path.join(config.mixserve_build_dir, "bin"), append_path=True)
for variable in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"):
    if variable in os.environ:
        llvm_config.with_environment(variable, os.environ[variable])
