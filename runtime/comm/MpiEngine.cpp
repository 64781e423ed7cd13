//===- MpiEngine.cpp - Finds and loads libmixserve_mpi.so -------------------------------------===//

#include "comm/MpiEngine.h"

#include "core/Env.h"

#include <climits>
#include <cstring>
#include <dlfcn.h>
#include <unistd.h>

namespace mxs {

// The folder of the library or program that holds this code. A program is known by the word that it
// was started with, which is no path where PATH found it.
static std::string ownFolder() {
  Dl_info self;
  std::string path;
  if (::dladdr(reinterpret_cast<const void *>(&ownFolder), &self) && self.dli_fname)
    path = self.dli_fname;
  if (path.find('/') == std::string::npos) {
    char program[PATH_MAX];
    const ssize_t length = ::readlink("/proc/self/exe", program, sizeof program);
    path.assign(program, length > 0 ? static_cast<size_t>(length) : 0);
  }
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

// Beside this library, or in ../lib of a program that holds this code.
static void *openEngine(std::string &reason) {
  const std::string folder = ownFolder();
  for (const char *place : {"/", "/../lib/"}) {
    // Global: the components of some MPI builds look for MPI's symbols there.
    if (void *engine = ::dlopen((folder + place + "libmixserve_mpi.so").c_str(),
                                RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE))
      return engine;
    reason += (reason.empty() ? "" : "; ") + std::string(::dlerror());
  }
  return nullptr;
}

Status startMpi(const MpiOptions &options, std::unique_ptr<MpiProcess> &out) {
  Env env;
  MXS_TRY(Env::read(env));
  // Open MPI would end the process, or, if it knows nothing of Slurm, take every task for a run of
  // its own.
  if (env.launch.pmixMissing)
    return mismatch("srun started " + std::to_string(env.launch.processes) +
                    " tasks without PMIx, by which Open MPI finds the others; start with srun "
                    "--mpi=pmix (srun --mpi=list shows whether this Slurm has it), or with mpirun "
                    "inside salloc or sbatch");
  std::string reason;
  void *engine = openEngine(reason);
  if (!engine)
    return invalidArgument("the MPI engine cannot be loaded (" + reason +
                           "); install Open MPI, build with it, or run all nodes in one process");
  const auto *interface = static_cast<const char *>(::dlsym(engine, "mxs_mpi_interface"));
  const auto start = reinterpret_cast<MpiStart>(::dlsym(engine, "mxs_mpi_start"));
  if (!start || !interface || std::strcmp(interface, MXS_MPI_INTERFACE) != 0)
    return mismatch(
        "libmixserve_mpi.so beside this program is of another version; install or build "
        "both together");
  Status status;
  start(options, status, out);
  return status;
}

Status sharedMpi(const MpiOptions &options, MpiProcess *&out) {
  struct Shared {
    Status status;
    std::unique_ptr<MpiProcess> process;
    explicit Shared(const MpiOptions &options) { status = startMpi(options, process); }
  };
  static Shared shared(options);
  out = shared.process.get();
  return shared.status;
}

} // namespace mxs
