#include "revision/section.h"

#include <utility>

#include "core/hash.h"
#include "core/mutants.h"
#include "revision/section_text.h"

namespace headrace {

void SnapshotNotes::asked(std::string fault) {
  const std::scoped_lock lock(mutex_);
  of_question_ = std::move(fault);
}

void SnapshotNotes::built(std::string_view section, std::optional<Error> fault) {
  const std::scoped_lock lock(mutex_);
  section_ = section;
  of_build_ = std::move(fault);
}

std::string SnapshotNotes::last_error() const {
  const std::scoped_lock lock(mutex_);
  return of_build_ ? "section " + section_ + ": " + of_build_->what : of_question_;
}

std::optional<Error> SnapshotNotes::last_build() const {
  const std::scoped_lock lock(mutex_);
  return of_build_;
}

std::string revision_of(const std::vector<std::string>& revisions) {
  if (revisions.empty()) return "";
  std::string text;
  for (const std::string& one : revisions) {
    text += std::to_string(one.size());
    text += ':';
    text += one;
  }
  const Hash128 hash = hash128(text);
  std::string digits;
  for (const std::uint64_t word : {hash.high, hash.low}) {
    for (int shift = 60; shift >= 0; shift -= 4) digits += "0123456789abcdef"[(word >> shift) & 15];
  }
  return digits;
}

std::vector<Part> parts_of(std::vector<Part> parts, std::string_view entity) {
  constexpr std::string_view place = "{entity}";
  for (Part& part : parts) {
    for (std::size_t at = 0; (at = part.value.find(place, at)) != std::string::npos;) {
      part.value.replace(at, place.size(), entity);
      at += entity.size();
    }
  }
  return parts;
}

Loader Section::loader(Build when) {
  return [self = shared_from_this(), when](Fetch fetch) {
    return build_noted(self, std::move(fetch), when);
  };
}

Task<Result<Loaded>> Section::build_noted(std::shared_ptr<Section> self, Fetch fetch, Build when) {
  auto task = build(self, std::move(fetch), when);
  Result<Loaded> loaded = co_await std::move(task);
  if (loaded) {
    (loaded->unchanged ? self->notes_->unchanged : self->notes_->builds).fetch_add(1);
    self->notes_->built(self->name(), std::nullopt);
  } else {
    self->notes_->build_failures.fetch_add(1);
    self->notes_->built(self->name(), loaded.error());
  }
  co_return loaded;
}

Task<Result<std::string>> Section::present_revision(std::shared_ptr<Section> self,
                                                    std::string entity) {
  if (self->parts() == 0) co_return self->revision_at({});
  auto asked = RevisionReader::read(self->reader_, self->parts_of(entity));
  const auto seen = co_await std::move(asked);
  if (!seen) co_return std::unexpected(seen.error());
  co_return self->revision_at(seen->revisions);
}

// The revisions are read first, so that what is built is of those or of later ones: never of
// earlier ones.
Task<Result<Loaded>> Section::build(std::shared_ptr<Section> self, Fetch fetch, Build when) {
  const std::string entity = fetch.entity;
  auto asking = present_revision(self, entity);
  Result<std::string> revision = co_await std::move(asking);
  if (!revision) co_return std::unexpected(std::move(revision.error()));
  const bool is_same = self->parts() > 0 && fetch.revision == *revision;
  if (when == Build::if_changed && is_same) {
    co_return Loaded{.unchanged = true, .revision = *std::move(revision), .billed = 0};
  }
  const WallTime began = self->clock_.wall_now();
  fetch.revision.clear();
  auto asked = self->options_.source->fetch(std::move(fetch));
  Result<Fetched> fetched = co_await std::move(asked);
  if (!fetched) co_return std::unexpected(std::move(fetched.error()));
  if (removed(Mechanism::revisions_first) || removed(Mechanism::outdated_kept)) {
    auto again = present_revision(self, entity);
    Result<std::string> later = co_await std::move(again);
    const bool is_outdated = !later || *later != *revision;
    if (is_outdated && removed(Mechanism::outdated_kept)) {
      co_return failure(Code::source_failed, "its parts have changed meanwhile");
    }
    if (later) revision = std::move(later);
  }
  Loaded loaded{.kind = fetched->kind,
                .revision = *std::move(revision),
                .billed = fetched->billed,
                .empty = fetched->empty};
  if (loaded.kind == Kind::value) {
    loaded.value = std::make_shared<const std::string>(section_text(began, fetched->payload));
  }
  co_return loaded;
}

}  // namespace headrace
