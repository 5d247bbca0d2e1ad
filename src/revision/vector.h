// revision/vector.h: the revisions of a snapshot's parts, kept as an entry of a policy that a feed
// covers.
//
// Threads:   any.
// Errors:    those of the source of revisions, and of reads.
// Lifetimes: borrows the engine, which must outlive its reads.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "headrace/engine.h"
#include "headrace/result.h"
#include "headrace/revisions.h"
#include "headrace/task.h"
#include "headrace/time.h"
#include "revision/revision_reader.h"

namespace headrace {

class KeptVector : public std::enable_shared_from_this<KeptVector> {
 public:
  struct Seen {
    std::vector<std::string> revisions{};
    Instant held{};        // They were these, or the parts had them later.
    bool is_kept = false;  // Nobody was asked.
  };

  // In the values of `parts` {entity} stands for the entity.
  KeptVector(Engine& engine, PolicyHandle policy, std::vector<Part> parts,
             std::shared_ptr<RevisionReader> reader);

  // After `within` at most.  None: what is kept cannot be relied on, for no feed covers it now, or
  // tells of the parts by other spellings; ask the source.
  [[nodiscard]] static Task<Result<std::optional<Seen>>> read(std::shared_ptr<KeptVector> self,
                                                              std::string entity,
                                                              std::optional<Duration> within);

 private:
  [[nodiscard]] Loader loader();
  static Task<Result<Loaded>> load(std::shared_ptr<KeptVector> self, Fetch fetch);

  Engine& engine_;
  const PolicyHandle policy_;
  const std::vector<Part> parts_;
  const std::string shape_;  // Of the parts.
  const std::shared_ptr<RevisionReader> reader_;
};

}  // namespace headrace
