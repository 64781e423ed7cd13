//===- RuntimeCallsTest.cpp - The table of calls is mixserve_rt.h -----------===//
#include "lib/Emit/RuntimeCalls.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>

using namespace mixserve;

namespace {

/// The letter of a C type, with or without the parameter's name.
std::string letterOf(const std::string &type) {
  if (type.find('*') != std::string::npos || type.find("mxs_row_fn_t") != std::string::npos)
    return "p";
  for (auto [spelling, letter] :
       {std::pair("int64_t", "l"), {"int32_t", "i"}, {"float", "f"}, {"void", ""}})
    if (type.find(spelling) != std::string::npos)
      return letter;
  ADD_FAILURE() << "no letter for '" << type << "'";
  return "?";
}

/// What the header declares for generated code: everything that takes a rank context.
std::map<std::string, std::pair<std::string, std::string>> declared() {
  std::ostringstream header;
  header << std::ifstream(std::string(std::getenv("MIXSERVE_SOURCE_DIR")) +
                          "/runtime/include/mixserve_rt.h")
                .rdbuf();
  const std::string text = std::regex_replace(header.str(), std::regex("///?[^\n]*"), "");
  const std::regex declaration(
      R"(MXS_EXPORT\s+([\w\s*]*?)(mxs_\w+)\(((?:const )?mxs_ctx_t[^)]*)\);)");
  std::map<std::string, std::pair<std::string, std::string>> functions;
  for (std::sregex_iterator it(text.begin(), text.end(), declaration), end; it != end; ++it) {
    std::string letters, argument;
    std::istringstream arguments((*it)[3]);
    while (std::getline(arguments, argument, ','))
      letters += letterOf(argument);
    functions[(*it)[2]] = {letterOf((*it)[1]), letters};
  }
  return functions;
}

TEST(RuntimeCalls, TableIsTheHeader) {
  if (!std::getenv("MIXSERVE_SOURCE_DIR"))
    GTEST_SKIP() << "MIXSERVE_SOURCE_DIR is not set; ctest sets it";
  std::map<std::string, std::pair<std::string, std::string>> table;
  for (const RuntimeFunction &function : runtimeFunctions())
    table[function.name.str()] = {function.result.str(), function.arguments.str()};
  EXPECT_EQ(table, declared());
}

TEST(RuntimeCalls, UnknownNamesAreNotFound) {
  EXPECT_EQ(findRuntimeFunction("mxs_linear")->arguments, "ppppl");
  EXPECT_EQ(findRuntimeFunction("mxs_none"), nullptr);
  EXPECT_EQ(findRuntimeFunction(""), nullptr);
}

} // namespace
