#include "stores/firestore/beside.h"

#include <algorithm>
#include <cstdint>

#include "wire/bytes.h"

namespace headrace::firestore {

namespace {

using std::chrono::microseconds;

constexpr char guard_kind = 'G';
constexpr char floor_kind = 'F';

struct Entry {
  char kind = guard_kind;
  Moment ends{};
  std::string text{};
};

struct Entries {
  std::vector<Entry> all{};
  bool is_whole = true;  // All bytes were understood.
};

Entries parse(std::string_view bytes) {
  Entries entries;
  BytesIn in(bytes);
  while (in.left() > 0) {
    Entry entry;
    const std::string_view kind = in.raw(1);
    entry.ends = Moment(microseconds(static_cast<std::int64_t>(in.number<std::uint64_t>())));
    const std::size_t left = in.left();
    entry.text = in.text<std::uint16_t>();
    const bool is_cut = entry.text.empty() || left < entry.text.size() + 2;
    if (is_cut || (kind[0] != guard_kind && kind[0] != floor_kind)) {
      entries.is_whole = false;
      break;
    }
    entry.kind = kind[0];
    entries.all.push_back(std::move(entry));
  }
  return entries;
}

std::string text_of(Token token) {
  BytesOut out(sizeof token);
  out.pair(token.high, token.low);
  return std::move(out).take();
}

void add(std::vector<Entry>& entries, Entry entry) {
  const auto same = std::ranges::find_if(entries, [&entry](const Entry& one) {
    return one.kind == entry.kind && one.text == entry.text;
  });
  if (same == entries.end()) {
    entries.push_back(std::move(entry));
  } else {
    same->ends = std::max(same->ends, entry.ends);
  }
}

}  // namespace

Beside read_stands(std::string_view bytes, Moment now) {
  Entries entries = parse(bytes);
  Beside beside{.guarded = !entries.is_whole};
  for (Entry& entry : entries.all) {
    if (entry.ends <= now) continue;
    if (entry.kind == guard_kind) {
      beside.guarded = true;
    } else {
      beside.floors.push_back(std::move(entry.text));
    }
  }
  return beside;
}

std::string changed(std::string_view bytes, const BesideChange& change,
                    const ServerTime::Bounds& now) {
  std::vector<Entry> entries = parse(bytes).all;
  std::erase_if(entries, [&](const Entry& entry) { return entry.ends <= now.earliest; });
  if (!change.unguard.is_none()) {
    const std::string gone = text_of(change.unguard);
    std::erase_if(entries, [&](const Entry& entry) {
      return entry.kind == guard_kind && entry.text == gone;
    });
  }
  if (!change.guard.is_none()) {
    add(entries, {.kind = guard_kind,
                  .ends = end_of(now.latest, change.guard_lasts),
                  .text = text_of(change.guard)});
  }
  for (const auto& [revision, lasts] : change.floors) {
    add(entries, {.kind = floor_kind, .ends = end_of(now.latest, lasts), .text = revision});
  }
  auto floors = static_cast<std::size_t>(
      std::ranges::count(entries, floor_kind, [](const Entry& entry) { return entry.kind; }));
  BytesOut out(bytes.size());
  for (const Entry& entry : entries) {
    if (entry.kind == floor_kind && floors > floors_per_key_max) {
      --floors;  // The newest to come stay.
      continue;
    }
    out.raw({&entry.kind, 1});
    out.number(static_cast<std::uint64_t>(entry.ends.time_since_epoch().count()));
    out.text<std::uint16_t>(entry.text);
  }
  return std::move(out).take();
}

}  // namespace headrace::firestore
