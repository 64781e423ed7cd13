//===- Safetensors.h - reads the verification files of the tests ------------------------------===//

#ifndef MIXSERVE_TEST_UNIT_IMPORT_SAFETENSORS_H
#define MIXSERVE_TEST_UNIT_IMPORT_SAFETENSORS_H

#include "mixserve/Import/HostTensor.h"

#include <map>
#include <string>

namespace mixserve::test {

/// All tensors (F32 and I64) of a safetensors file, by name. Fails the test and returns nothing if
/// the file cannot be read.
std::map<std::string, HostTensor> readSafetensors(const std::string &path);

/// models/ of the source tree.
std::string modelsFolder();

} // namespace mixserve::test

#endif // MIXSERVE_TEST_UNIT_IMPORT_SAFETENSORS_H
