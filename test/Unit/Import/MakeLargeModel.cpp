//===- MakeLargeModel.cpp - writes a sparse model for tests of the commands -------------------===//

#include "LargeModel.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

int main(int argc, char **argv) {
  if (argc != 5 || (std::strcmp(argv[3], "external") != 0 && std::strcmp(argv[3], "inline") != 0)) {
    std::fprintf(stderr, "usage: make-large-model TINY.onnx FOLDER external|inline FFN\n");
    return 1;
  }
  using mixserve::test::WeightPlace;
  try {
    const WeightPlace place =
        std::strcmp(argv[3], "inline") == 0 ? WeightPlace::Inline : WeightPlace::External;
    const uint64_t bytes =
        mixserve::test::writeLargeModel(argv[1], argv[2], place, std::atoll(argv[4]));
    std::printf("%s/model.onnx: %llu bytes of weights\n", argv[2],
                static_cast<unsigned long long>(bytes));
  } catch (const std::exception &error) {
    std::fprintf(stderr, "make-large-model: %s\n", error.what());
    return 2;
  }
  return 0;
}
