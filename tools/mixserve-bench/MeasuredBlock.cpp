//===- MeasuredBlock.cpp - The `measured:` part of a cluster file ---------===//
#include "tools/mixserve-bench/MeasuredBlock.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <sstream>

using namespace mixserve::tools;

namespace {

/// The parts of an old block.
struct OldBlock {
  MeasuredHow how;
  std::vector<std::string> layers; ///< "{..}"
};

std::string trimmed(const std::string &text) {
  const size_t first = text.find_first_not_of(" \t\r");
  const size_t last = text.find_last_not_of(" \t\r");
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

/// What stands behind `key: ` in `text`, up to a comma, a bracket or a quote; nothing without it.
std::string valueOf(const std::string &text, const std::string &key) {
  for (size_t at = text.find(key + ":"); at != std::string::npos;
       at = text.find(key + ":", at + 1)) {
    if (at > 0 && (std::isalnum(static_cast<unsigned char>(text[at - 1])) || text[at - 1] == '_'))
      continue;
    const size_t begin = text.find_first_not_of(" \"", at + key.size() + 1);
    if (begin == std::string::npos)
      return "";
    return text.substr(begin, text.find_first_of(",}\" ", begin) - begin);
  }
  return "";
}

int numberOf(const std::string &text, const std::string &key) {
  return std::atoi(valueOf(text, key).c_str());
}

std::string wireOf(const std::string &layer) {
  const std::string wire = valueOf(layer, "wire");
  return wire.empty() ? "f32" : wire;
}

/// Reads one line of an old block; returns what is wrong.
std::string readLine(const std::string &line, bool &inLayers, OldBlock &old) {
  const std::string text = trimmed(line);
  if (text.empty() || text[0] == '#')
    return "";
  if (inLayers && text[0] == '-') {
    const std::string layer = trimmed(text.substr(1));
    if (layer.empty() || layer.front() != '{' || layer.back() != '}')
      return "'" + text +
             "' is no layer as calibrate writes it, - {method: .., time: ..} in one line";
    old.layers.push_back(layer);
    return "";
  }
  const std::string key = text.substr(0, text.find(':'));
  inLayers = key == "layers";
  const std::string behind = trimmed(text.substr(std::min(text.size(), key.size() + 1)));
  if (inLayers && !behind.empty() && behind[0] != '#')
    return "layers must be a list with one in each line";
  if (key == "date")
    old.how.date = valueOf(text, key);
  else if (key == "version")
    old.how.version = valueOf(text, key);
  else if (key == "engine")
    old.how.engine = valueOf(text, key);
  else if (key == "mesh")
    old.how.nodes = numberOf(text, "nodes"), old.how.devices = numberOf(text, "devices");
  return "";
}

bool isSamePlace(const MeasuredHow &a, const MeasuredHow &b) {
  return a.nodes == b.nodes && a.devices == b.devices && a.engine == b.engine;
}

std::string item(const std::string &layer) { return "    - " + layer + "\n"; }

/// A layer that stays says when it was measured: the block's date is a later one.
std::string withDate(const std::string &layer, const std::string &date) {
  if (!valueOf(layer, "date").empty())
    return layer;
  return layer.substr(0, layer.size() - 1) + ", date: \"" + date + "\"}";
}

} // namespace

std::string MeasuredBlock::text() const {
  std::ostringstream out;
  out << "measured: # by mixserve-bench calibrate; lib/Plan/README.md says how it is used\n"
      << "  date: \"" << how.date << "\"\n  version: \"" << how.version
      << "\"\n  engine: " << how.engine << "\n  mesh: {nodes: " << how.nodes
      << ", devices: " << how.devices << "}\n  links:\n";
  for (const std::string &link : links)
    out << "    " << link << "\n";
  out << "  layers:\n";
  for (const std::string &layer : layers)
    out << item(layer);
  return out.str();
}

std::string mixserve::tools::mergeMeasured(const std::string &file, const MeasuredBlock &block,
                                           MergedMeasured &merged) {
  OldBlock old;
  std::string rest;
  std::istringstream lines(file);
  bool isMeasured = false, inLayers = false;
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    // A key of the top level stands at the beginning of its line; so does a comment between keys.
    const bool isTop = !line.empty() && line[0] != ' ' && line[0] != '\t' && line[0] != '-';
    if (isTop)
      isMeasured = line.compare(0, 9, "measured:") == 0;
    if (!isMeasured)
      rest += line + "\n";
    else if (const std::string wrong = isTop ? "" : readLine(line, inLayers, old); !wrong.empty())
      return "line " + std::to_string(number) + ": measured: " + wrong +
             "; write it so, or remove `measured:`";
  }
  merged.text = rest + block.text();
  if (!isSamePlace(old.how, block.how))
    return "";
  for (const std::string &layer : old.layers)
    if (wireOf(layer) != block.wire) {
      const std::string dated = withDate(layer, old.how.date);
      if (merged.kept++ == 0)
        merged.keptDate = valueOf(dated, "date");
      merged.text += item(dated);
    }
  return "";
}
