//===- Options.cpp - Command lines of the tools without LLVM ----------------===//
#include "tools/options/Options.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <unistd.h>

using namespace mixserve::tools;

std::string mixserve::tools::whyNoFile(const std::string &option, const std::string &path) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const fs::path folder = fs::path(path).has_parent_path() ? fs::path(path).parent_path() : ".";
  const std::string what = option + ": cannot write '" + path + "': ";
  if (path.empty())
    return "";
  if (fs::is_directory(path, ignored))
    return what + "it is a folder; give the name of a file";
  if (fs::exists(path, ignored) && !fs::is_regular_file(path, ignored)) // /dev/null, a pipe
    return access(path.c_str(), W_OK) == 0 ? ""
                                           : what + std::strerror(errno) + "; choose another one";
  if (!fs::is_directory(folder, ignored))
    return what + "there is no folder '" + folder.string() + "'; make it first";
  if (access(folder.c_str(), W_OK | X_OK) != 0)
    return what + "folder '" + folder.string() + "': " + std::strerror(errno) +
           "; choose another one";
  return "";
}

Options::Options(std::string program, std::string synopsis, std::string summary,
                 std::string example)
    : program(std::move(program)), synopsis(std::move(synopsis)), summary(std::move(summary)),
      example(std::move(example)) {}

void Options::add(Option option) { options.push_back(std::move(option)); }

void Options::flag(const std::string &name, bool &target, const std::string &help) {
  add({name, "", help, false, false, [&target](const std::string &) {
         target = true;
         return std::string();
       }});
}

void Options::text(const std::string &name, const std::string &metavar, std::string &target,
                   const std::string &help) {
  add({name, metavar, help, true, false, [&target](const std::string &value) {
         target = value;
         return std::string();
       }});
}

void Options::texts(const std::string &name, const std::string &metavar,
                    std::vector<std::string> &target, const std::string &help) {
  add({name, metavar, help, true, false, [&target](const std::string &value) {
         target.push_back(value);
         return std::string();
       }});
  options.back().repeats = true;
}

/// Whole text as a number, or nothing.
static std::optional<int64_t> wholeNumber(const std::string &text) {
  char *end = nullptr;
  errno = 0;
  const long long value = std::strtoll(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || errno != 0)
    return std::nullopt;
  return value;
}

void Options::number(const std::string &name, const std::string &metavar, int64_t &target,
                     int64_t least, const std::string &help) {
  add({name, metavar, help, true, false, [&target, least](const std::string &value) {
         const auto parsed = wholeNumber(value);
         if (!parsed || *parsed < least)
           return "'" + value + "' is not a whole number of at least " + std::to_string(least);
         target = *parsed;
         return std::string();
       }});
}

void Options::real(const std::string &name, double &target, const std::string &help) {
  add({name, "X", help, true, false, [&target](const std::string &value) {
         char *end = nullptr;
         const double parsed = std::strtod(value.c_str(), &end);
         if (value.empty() || *end != '\0' || !(parsed >= 0))
           return "'" + value + "' is not a number of at least 0";
         target = parsed;
         return std::string();
       }});
}

void Options::optionalText(const std::string &name, const std::string &metavar, bool &given,
                           std::string &target, const std::string &help) {
  add({name, metavar, help, true, true, [&given, &target](const std::string &value) {
         given = true;
         target = value;
         return std::string();
       }});
}

void Options::duration(const std::string &name, uint64_t &targetNs, const std::string &help) {
  add({name, "TIME", help, true, false, [&targetNs](const std::string &value) {
         char *end = nullptr;
         const double amount = std::strtod(value.c_str(), &end);
         const std::string unit = end;
         const double scale = unit == "s"    ? 1e9
                              : unit == "ms" ? 1e6
                              : unit == "us" ? 1e3
                              : unit == "ns" ? 1
                                             : 0;
         if (end == value.c_str() || scale == 0 || !(amount > 0) || amount * scale > 9e18)
           return "'" + value + "' is not a duration such as 30s, 500ms or 20us";
         targetNs = static_cast<uint64_t>(amount * scale);
         return std::string();
       }});
}

Options::Option *Options::find(const std::string &name) {
  for (Option &option : options)
    if (option.name == name)
      return &option;
  return nullptr;
}

/// Number of single-letter edits between two names.
static size_t editDistance(const std::string &a, const std::string &b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t previous = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = previous;
    }
  }
  return row[b.size()];
}

/// As a user types it: -o, --output.
static std::string dashed(const std::string &name) {
  return (name.size() == 1 ? "-" : "--") + name;
}

std::string Options::unknownOption(const std::string &argument, const std::string &name) const {
  const std::string message = "unknown option '" + argument + "'";
  const Option *nearest = nullptr;
  size_t least =
      std::min<size_t>(3, (name.size() + 2) / 3) + 1; // a third of the letters wrong, 3 at most
  for (const Option &option : options)
    if (const size_t distance = editDistance(option.name, name);
        distance < least && distance < name.size()) {
      nearest = &option;
      least = distance;
    }
  return nearest ? message + "; did you mean '" + dashed(nearest->name) + "'?" : message;
}

int Options::usageError(const std::string &message) const {
  if (!silent)
    std::fprintf(stderr, "%s: %s\nrun '%s --help' for the options\n", program.c_str(),
                 message.c_str(), program.c_str());
  return kUsage;
}

int Options::flushed(int code) const {
  if (std::fflush(stdout) == 0 && !std::ferror(stdout))
    return code;
  std::fprintf(stderr,
               "%s: cannot write to stdout: %s; make room there or send the output elsewhere\n",
               program.c_str(), std::strerror(errno));
  return kBadInput;
}

void Options::printHelp() const {
  if (silent)
    return;
  std::printf("usage: %s %s\n\n%s\n\noptions:\n", program.c_str(), synopsis.c_str(),
              summary.c_str());
  const std::string indent = "\n" + std::string(29, ' ');
  auto line = [&](const std::string &left, std::string help) {
    for (size_t at = 0; (at = help.find('\n', at)) != std::string::npos; at += indent.size())
      help.replace(at, 1, indent);
    std::printf("  %-26s%s%s\n", left.c_str(), left.size() <= 26 ? " " : indent.c_str(),
                help.c_str());
  };
  for (const Option &option : options) {
    std::string left = dashed(option.name);
    if (option.valueOptional)
      left += "[=" + option.metavar + "]";
    else if (option.takesValue)
      left += " " + option.metavar;
    line(left, option.help);
  }
  line("--help", "this text");
  line("--version", "the version");
  if (listsEnvironment) {
    std::printf("\nenvironment:\n");
    line("MXS_THREADS=N", "threads that compute at once (default: its share of the CPUs)");
    line("MXS_ISA=NAME", "CPU kernels: reference, avx2, avx512, avx512_vnni or avx512_bf16\n"
                         "(default: the best that this processor has)");
    line("MXS_LINEAR_ROWS=bf16", "linears outside the experts read rounded rows on avx512_bf16");
    line("MXS_DEADLINE_MS=N", "bound on every wait where no option says otherwise (default 30000)");
  }
  std::printf(
      "\nexit codes: 0 ok, 1 usage, 2 bad input, 3 no feasible plan, 4 verification mismatch,\n"
      "            5 a rank or a link failed\n\nexample:\n  %s\n",
      example.c_str());
}

std::string Options::assign(Option &option, bool hasValue, const std::string &value) const {
  const std::string what = "option '" + dashed(option.name) + "'";
  // A choice that another one replaces, or that an empty shell variable leaves out, would be
  // ignored.
  if (option.given && !option.repeats)
    return what + " is given twice; give it once";
  option.given = true;
  if (hasValue && value.empty())
    return what + " has an empty value; give " + option.metavar + " or leave the option out";
  const std::string wrong = option.set(value);
  return wrong.empty() ? "" : what + ": " + wrong;
}

std::optional<int> Options::parse(int argc, char **argv, std::vector<std::string> &positionals) {
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--help" || argument == "-h") {
      printHelp();
      return kOk;
    }
    if (argument == "--version") {
      if (!silent)
        std::printf("%s (mixserve) %s\n", program.c_str(), MIXSERVE_VERSION);
      return kOk;
    }
    if (argument == "--") { // what follows are names, even those that begin with '-'
      positionals.insert(positionals.end(), argv + i + 1, argv + argc);
      break;
    }
    if (argument.size() < 2 || argument[0] != '-') {
      positionals.push_back(argument);
      continue;
    }
    const size_t dashes = argument.rfind("--", 0) == 0 ? 2 : 1;
    const size_t equals = argument.find('=');
    const std::string name =
        argument.substr(dashes, equals == std::string::npos ? equals : equals - dashes);
    Option *option = find(name);
    if (!option)
      return usageError(unknownOption(argument, name));
    std::string value;
    bool hasValue = equals != std::string::npos;
    if (hasValue) {
      if (!option->takesValue)
        return usageError("option '" + dashed(name) + "' takes no value");
      value = argument.substr(equals + 1);
    } else if (option->takesValue && !option->valueOptional) {
      if (++i >= argc)
        return usageError("option '" + dashed(name) + "' needs a value (" + option->metavar + ")");
      value = argv[i];
      hasValue = true;
    }
    if (const std::string wrong = assign(*option, hasValue, value); !wrong.empty())
      return usageError(wrong);
  }
  return std::nullopt;
}
