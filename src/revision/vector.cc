#include "revision/vector.h"

#include <algorithm>

#include "revision/section.h"
#include "revision/vector_text.h"

namespace headrace {

namespace {

std::string shape_of(const std::vector<Part>& parts) {
  std::vector<std::string> all;
  for (const Part& part : parts) all.insert(all.end(), {part.table, part.column, part.value});
  return revision_of(all);
}

}  // namespace

std::string vector_tag(std::string_view snapshot, std::string_view value) {
  std::string tag(snapshot);
  tag += ".revisions";
  if (!value.empty()) tag += ' ';
  return tag.append(value);
}

KeptVector::KeptVector(Engine& engine, PolicyHandle policy, std::vector<Part> parts,
                       std::shared_ptr<RevisionReader> reader)
    : engine_(engine),
      policy_(std::move(policy)),
      parts_(std::move(parts)),
      shape_(shape_of(parts_)),
      reader_(std::move(reader)) {}

Loader KeptVector::loader() {
  return [self = shared_from_this()](Fetch fetch) { return load(self, std::move(fetch)); };
}

// A change of a part whose value the source spells otherwise outdates another entity's entry: what
// is kept of such parts has a shape that nobody reads.
Task<Result<Loaded>> KeptVector::load(std::shared_ptr<KeptVector> self, Fetch fetch) {
  auto asked = RevisionReader::read(self->reader_, parts_of(self->parts_, fetch.entity));
  const auto seen = co_await std::move(asked);
  if (!seen) co_return std::unexpected(seen.error());
  const std::string_view shape = seen->own_spellings ? std::string_view(self->shape_) : "";
  co_return Loaded{
      .value = std::make_shared<const std::string>(vector_text(shape, seen->revisions)),
      .billed = 0};
}

// How far the feed has come is read first: what is found after that is outdated by nothing that the
// feed has told of until then.
Task<Result<std::optional<KeptVector::Seen>>> KeptVector::read(std::shared_ptr<KeptVector> self,
                                                               std::string entity,
                                                               std::optional<Duration> within) {
  const std::optional<Instant> told = self->engine_.told_until(self->policy_);
  if (!told) co_return std::nullopt;
  AnyLookup lookup = self->engine_.read(self->policy_, entity, self->loader(), {.within = within});
  const AnyResult answer = co_await lookup;
  if (!answer) co_return std::unexpected(answer.error());
  const bool is_kept = answer->origin() != Origin::source;
  if (answer->kind() != Kind::value || (is_kept && answer->reason() != Reason::fresh)) {
    co_return std::nullopt;
  }
  const std::string& text = *static_cast<const std::string*>(answer->entry().value());
  auto revisions = read_vector_text(text, self->shape_);
  if (!revisions || revisions->size() != self->parts_.size()) co_return std::nullopt;
  const Instant read_at = answer->entry().read_at();
  co_return Seen{.revisions = std::move(*revisions),
                 .held = is_kept ? std::max(read_at, *told) : read_at,
                 .is_kept = is_kept};
}

}  // namespace headrace
