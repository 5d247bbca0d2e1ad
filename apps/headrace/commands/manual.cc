#include "commands/manual.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <utility>

#include "commands/commands.h"

namespace headrace::app {

namespace {

constexpr std::array<std::pair<int, std::string_view>, 9> endings = {{
    {exit_ok, "Done; for read, there is a value, or null, from wherever it came."},
    {exit_absent,
     "There is no such entity; a replay found violations; two stores differ; something is not "
     "installed."},
    {exit_usage, "The command line, the request or the policy's name is wrong."},
    {exit_auth, "The API key is missing or wrong; the policy does not allow the write."},
    {exit_limited, "Too many requests; less was granted than was to be spent."},
    {exit_unavailable, "The server or its source cannot answer; the server is not ready."},
    {exit_conflict, "It was changed meanwhile."},
    {exit_config, "The configuration is wrong."},
    {exit_interrupted, "Ended by a second signal, or by Ctrl-C."},
}};

// As roff shows it letter for letter: a hyphen that is typed, no line that is a request.
std::string roff(std::string_view text) {
  std::string out;
  bool begins = true;
  for (const char c : text) {
    if (begins && (c == '.' || c == '\'')) out += "\\&";
    begins = c == '\n';
    switch (c) {
      case '\\': out += "\\e"; break;
      case '-': out += "\\-"; break;
      case '\'': out += "\\(aq"; break;
      case '`': out += "\\(ga"; break;
      case '^': out += "\\(ha"; break;
      case '~': out += "\\(ti"; break;
      default: out += c;
    }
  }
  return out;
}

std::string sentence(std::string_view text) {
  return roff(text) + (text.empty() || text.ends_with('.') ? "\n" : ".\n");
}

std::string heading(const Argument& argument) {
  std::string out;
  for (const std::string& name : argument.names) {
    out += fmt::format("{}\\fB{}\\fR", out.empty() ? "" : ", ", roff(name));
  }
  if (!argument.value.empty() && !argument.names.empty()) {
    out += fmt::format(" \\fI{}\\fR", roff(argument.value));
  }
  if (!argument.place.empty()) {
    out += fmt::format("{}\\fI{}\\fR{}", out.empty() ? "" : ", or ", roff(argument.place),
                       argument.repeated ? " ..." : "");
  }
  return out;
}

std::string described(const Argument& argument) {
  std::string out = ".TP\n" + heading(argument) + "\n" + sentence(argument.what);
  if (!argument.choices.empty()) {
    out += "One of " + roff(fmt::format("{}", fmt::join(argument.choices, ", "))) + ".\n";
  }
  if (!argument.otherwise.empty()) out += "Default: " + roff(argument.otherwise) + ".\n";
  if (!argument.variable.empty()) out += "Also taken from " + roff(argument.variable) + ".\n";
  if (argument.required) out += "Required.\n";
  return out;
}

std::string section(const Command& command) {
  const Word& word = *command.word;
  std::string out =
      fmt::format(".SS headrace{}\n{}", roff(command.joined(' ')), sentence(word.what));
  for (const Argument& argument : word.arguments) {
    if (argument.names.empty() || argument.names.front() != "--help") out += described(argument);
  }
  if (word.notes.empty()) return out;
  return out + ".PP\n.nf\n" + roff(word.notes) + "\n.fi\n";
}

}  // namespace

std::string manual(const Word& root, std::string_view version) {
  std::string out = fmt::format(
      ".\\\" Written by `headrace manual`.\n"
      ".TH HEADRACE 1 \"\" \"Headrace {0}\" \"Headrace\"\n"
      ".SH NAME\nheadrace \\- a read\\-through cache that accounts for every answer\n"
      ".SH SYNOPSIS\n\\fBheadrace\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n.br\n"
      "\\fBheadrace\\fR \\fICOMMAND\\fR \\fB\\-\\-help\\fR\n"
      ".SH DESCRIPTION\n"
      "Headrace stands between applications and an expensive source of truth.\n"
      "It answers repeated reads from memory or from a store that survives restarts,\n"
      "asks the source once however many ask,\n"
      "and once an invalidation has returned, the old value never comes back.\n"
      ".SH OPTIONS\n",
      roff(version));
  for (const Argument& argument : root.arguments) out += described(argument);
  out += ".SH COMMANDS\n";
  for (const Command& command : commands_of(root)) {
    if (!command.path.empty()) out += section(command);
  }
  out += ".SH EXIT STATUS\n";
  for (const auto& [code, meaning] : endings) {
    out += fmt::format(".TP\n\\fB{}\\fR\n{}\n", code, roff(meaning));
  }
  return out +
         ".SH ENVIRONMENT\n"
         ".TP\n\\fBHEADRACE_API_KEY\\fR\n"
         "The key of the server that is asked, where no file with one is named.\n"
         ".PP\nThe options above name other variables;\n"
         ".BR headrace.toml (5)\nhas those that beat the configuration.\n"
         ".SH SEE ALSO\n.BR headrace.toml (5)\n";
}

}  // namespace headrace::app
