//===- Options.h - Command lines of the tools without LLVM --------*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_OPTIONS_OPTIONS_H
#define MIXSERVE_TOOLS_OPTIONS_OPTIONS_H

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace mixserve::tools {

/// Exit codes of all commands.
enum ExitCode { kOk = 0, kUsage = 1, kBadInput = 2, kNoPlan = 3, kMismatch = 4, kRankFailed = 5 };

/// Why no file can be written at `path` (empty: none is asked for), as "OPTION: cannot write ...",
/// or "". For before the work: nobody waits for a result to learn of a typing error.
std::string whyNoFile(const std::string &option, const std::string &path);

/// Declares options, prints --help from them, parses. `--name VALUE` and `--name=VALUE` are the
/// same; an option of one letter is written -o. A value is not empty, and only `texts` may be given
/// twice. References given to it must outlive parse().
class Options {
public:
  /// `synopsis` follows the program's name in the usage line; `summary` says what it does;
  /// `example` is a command.
  Options(std::string program, std::string synopsis, std::string summary, std::string example);

  void flag(const std::string &name, bool &target, const std::string &help);
  void text(const std::string &name, const std::string &metavar, std::string &target,
            const std::string &help);
  /// May be given several times.
  void texts(const std::string &name, const std::string &metavar, std::vector<std::string> &target,
             const std::string &help);
  /// Whole numbers of at least `least`.
  void number(const std::string &name, const std::string &metavar, int64_t &target, int64_t least,
              const std::string &help);
  void real(const std::string &name, double &target, const std::string &help);
  /// --name or --name=VALUE: `given` tells whether it was there at all.
  void optionalText(const std::string &name, const std::string &metavar, bool &given,
                    std::string &target, const std::string &help);
  /// A duration with a unit (30s, 500ms, 20us, 7ns), in nanoseconds.
  void duration(const std::string &name, uint64_t &targetNs, const std::string &help);

  /// The program uses the runtime: --help also lists the environment variables that the runtime
  /// reads (runtime/core/Env.h).
  void usesRuntime() { listsEnvironment = true; }

  /// Help, version and usage errors are not printed: another process says the same.
  void beSilent() { silent = true; }

  /// Fills the targets and `positionals`. An exit code means: stop now with it (help, version, or a
  /// usage error that was printed to stderr).
  std::optional<int> parse(int argc, char **argv, std::vector<std::string> &positionals);

  /// Prints "program: message" and a hint at --help to stderr; returns kUsage.
  int usageError(const std::string &message) const;

  /// For the end of main: `code`, or kBadInput with a message if stdout could not be written (a
  /// full disk).
  int flushed(int code) const;

private:
  struct Option {
    std::string name, metavar, help;
    bool takesValue = false, valueOptional = false;
    /// Returns what is wrong with the value, or nothing.
    std::function<std::string(const std::string &)> set;
    bool repeats = false; ///< may be given several times
    bool given = false;
  };
  void add(Option option);
  void printHelp() const;
  Option *find(const std::string &name);
  /// Both return a usage error; assign returns nothing if the value was taken.
  std::string unknownOption(const std::string &argument, const std::string &name) const;
  std::string assign(Option &option, bool hasValue, const std::string &value) const;

  std::string program, synopsis, summary, example;
  std::vector<Option> options;
  bool silent = false, listsEnvironment = false;
};

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_OPTIONS_OPTIONS_H
