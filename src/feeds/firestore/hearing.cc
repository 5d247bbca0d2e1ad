// Why a cut may hold what was heard behind it, too: who is told of a change early invalidates what
// was read before, and who reads after that sees it.  A loss has to wait for the next cut: only
// then is it known that nothing more of what it stands for is to come.
#include "feeds/firestore/hearing.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace headrace::firestore::feed {

Hearing::Hearing(const Targets& targets, Position from, Begins begins, std::size_t changes_max)
    : targets_(targets),
      changes_max_(changes_max),
      all_(static_cast<std::size_t>(targets.last_target()), Target{.as_of = from.at}),
      reached_(from.at),
      token_(std::move(from.token)),
      is_lost_(begins == Begins::with_loss) {
  assert(changes_max > 0);
}

Hearing::Target& Hearing::target(std::int32_t number) {
  const bool is_ours = number >= 1 && number <= targets_.last_target();
  return is_ours ? all_[static_cast<std::size_t>(number) - 1] : nobody_;
}

// When it was seen to be gone, which is not much later than it was; or since the last cut.
template <class Gone>
Moment Hearing::seen_at(const Gone& gone) const {
  return gone.has_read_time() ? moment_of(gone.read_time()) : reached_;
}

bool Hearing::take(const api::ListenResponse& response, Instant now) {
  if (whole_.heard_at == Instant{} || heard_.empty()) whole_.heard_at = now;
  switch (response.response_type_case()) {
    case api::ListenResponse::kTargetChange:
      change(response.target_change());
      return reach(response.target_change()) || !trouble_.empty();
    case api::ListenResponse::kDocumentChange: tell(response.document_change()); break;
    case api::ListenResponse::kDocumentDelete:
      for (const std::int32_t number : response.document_delete().removed_target_ids()) {
        target(number).documents.reset();
      }
      tell(response.document_delete().document(), seen_at(response.document_delete()));
      break;
    case api::ListenResponse::kDocumentRemove:
      for (const std::int32_t number : response.document_remove().removed_target_ids()) {
        target(number).documents.reset();
      }
      reads_ += static_cast<std::uint64_t>(response.document_remove().removed_target_ids_size());
      tell(response.document_remove().document(), seen_at(response.document_remove()));
      break;
    case api::ListenResponse::kFilter:
      // Something may be gone, and nobody here has kept what there was.
      if (response.filter().target_id() != Targets::lease_target) is_lost_ = true;
      break;
    default: break;
  }
  return false;
}

void Hearing::change(const api::TargetChange& change) {
  using Change = api::TargetChange;
  if (change.target_change_type() == Change::REMOVE) {
    trouble_ = change.cause().message().empty() ? "Firestore has ended the listening"
                                                : change.cause().message();
    return;
  }
  const auto each = [&](auto&& apply) {
    if (change.target_ids().empty()) std::ranges::for_each(all_, apply);
    for (const std::int32_t number : change.target_ids()) apply(target(number));
  };
  if (change.target_change_type() == Change::RESET) {
    each([&change](Target& one) { begin_anew(one, change); });
  } else if (change.target_change_type() == Change::CURRENT) {
    each([this](Target& one) {
      if (one.is_anew) end_anew(one);
      one.is_current = true;
    });
  }
}

// The moment of the whole stream is not that of a target: a change may come behind it by which the
// target is told anew.
void Hearing::begin_anew(Target& target, const api::TargetChange& change) {
  target = {.is_anew = true,
            .anew_as_of = change.has_read_time() ? moment_of(change.read_time()) : target.as_of,
            .as_of = target.as_of,
            .documents = target.documents};
}

// Those that are older than the last time were there then.  If they are as many as there were, none
// is gone.  The lease stands alone: what it says is not told.
void Hearing::end_anew(Target& target) {
  const bool is_lease = &target == all_.data();
  if (!is_lease && target.documents != target.told - target.made) is_lost_ = true;
  target = {.as_of = target.anew_as_of, .documents = target.told};
}

void Hearing::tell(const api::DocumentChange& change) {
  reads_ += static_cast<std::uint64_t>(change.target_ids_size());
  const Moment changed_at = moment_of(change.document().update_time());
  bool is_old = !change.target_ids().empty();
  for (const std::int32_t number : change.target_ids()) {
    Target& one = target(number);
    is_old = is_old && one.is_anew && changed_at <= one.as_of;
    if (one.is_anew) {
      ++one.told;
      one.made += moment_of(change.document().create_time()) > one.as_of ? 1 : 0;
    } else {
      one.documents.reset();
    }
  }
  for (const std::int32_t number : change.removed_target_ids()) target(number).documents.reset();
  if (!is_old || !change.removed_target_ids().empty()) tell(change.document().name(), changed_at);
}

void Hearing::tell(const std::string& name, Moment at) {
  std::optional<SourceChange> change = targets_.change_of(name);
  if (!change || whole_.is_loss || !heard_.insert(name).second) return;
  oldest_ = std::min(oldest_.value_or(at), at);
  whole_.changes.push_back(*std::move(change));
  if (heard_.size() > changes_max_) lose();
}

// What was heard so far is told as a loss.
void Hearing::lose() {
  whole_.is_loss = true;
  whole_.changes.clear();
  heard_.clear();
}

bool Hearing::is_current() const {
  return std::ranges::all_of(all_, &Target::is_current);
}

// Only what is said of all targets is said of the stream; and before all of them are current it
// says nothing of those that are not.
bool Hearing::reach(const api::TargetChange& change) {
  const bool is_snapshot = change.has_read_time() && change.target_ids().empty();
  if (!is_snapshot || !trouble_.empty() || !is_current()) return false;
  if (std::exchange(is_lost_, false)) lose();
  reached_ = std::max(reached_, moment_of(change.read_time()));
  has_cut_ = is_ready_ = true;
  // It does not come along each time; an older one means that more is told again.
  if (!change.resume_token().empty()) token_ = change.resume_token();
  whole_.until = {.at = reached_, .token = token_};
  return true;
}

std::optional<Cut> Hearing::take_cut() {
  if (!is_ready_) return std::nullopt;
  is_ready_ = false;
  heard_.clear();
  Cut cut = std::exchange(whole_, {});
  if (const auto oldest = std::exchange(oldest_, std::nullopt)) {
    cut.delay = std::max(Duration(cut.until.at - *oldest), Duration::zero());
  }
  return cut;
}

}  // namespace headrace::firestore::feed
