// Keys: two tuples have equal bytes if and only if they are equal; what is over a limit is refused.
//
// The bytes of both are one text cut in different places, for that is how two keys get confused.
#include "headrace/key.h"

#include "input.h"

namespace headrace::fuzz {

namespace {

struct Named {
  std::string tenant{};
  std::string policy{};
  std::string entity{};
  std::uint32_t version = 1;
  std::uint64_t shape = 0;

  bool operator==(const Named&) const = default;
  [[nodiscard]] bool is_sound() const {
    return !policy.empty() && policy.size() <= name_bytes_max && tenant.size() <= name_bytes_max &&
           entity.size() <= entity_bytes_max;
  }
  [[nodiscard]] bool is_stored_like(const Named& other) const {
    return tenant == other.tenant && policy == other.policy && entity == other.entity;
  }
};

// How a text is cut.
struct Cuts {
  std::size_t tenant = 0;
  std::size_t policy = 0;
  std::size_t more = 0;  // Bytes added to the entity, to reach its limit.
  std::uint32_t version = 1;
  std::uint64_t shape = 0;
};

Cuts cuts_of(Input& input) {
  const std::uint8_t which = input.byte();
  Cuts cuts{.tenant = input.up_to(name_bytes_max + 1), .policy = input.up_to(name_bytes_max + 1)};
  if (which & 1) cuts.more = input.up_to(entity_bytes_max + 1);
  if (which & 2) cuts.version = input.number<std::uint32_t>();
  if (which & 4) cuts.shape = input.number<std::uint64_t>();
  return cuts;
}

Named cut(std::string_view text, const Cuts& cuts) {
  Input input(text);
  Named named{.version = cuts.version, .shape = cuts.shape};
  named.tenant = input.take(cuts.tenant);
  named.policy = input.take(cuts.policy);
  named.entity = input.rest();
  named.entity.append(cuts.more, 'e');
  return named;
}

Result<Key> key_of(const Named& named) {
  Result<Key> key = Key::make({.tenant = named.tenant,
                               .policy = named.policy,
                               .version = named.version,
                               .shape = named.shape},
                              named.entity);
  demand(key.has_value() == named.is_sound(), "a key is made if and only if its parts are sound");
  if (key) {
    demand(key->entity() == named.entity, "a key gives its entity back");
  } else {
    demand(key.error().code == (named.policy.empty() ? Code::invalid_argument : Code::too_large),
           "the code says which part is wrong");
    demand(!key.error().what.empty(), "and the text too");
  }
  return key;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  Input input(text_of(bytes, size));
  const Cuts first_cuts = cuts_of(input);
  const Cuts second_cuts = cuts_of(input);
  const bool is_one_text = input.truth();
  const std::string_view text = input.rest();
  const Named first = cut(is_one_text ? text : text.substr(0, text.size() / 2), first_cuts);
  const Named second = cut(is_one_text ? text : text.substr(text.size() / 2), second_cuts);

  const Result<Key> one = key_of(first);
  const Result<Key> other = key_of(second);
  const StoreKey one_stored = store_key_of(first.tenant, first.policy, first.entity);
  const StoreKey other_stored = store_key_of(second.tenant, second.policy, second.entity);
  if (!one || !other) return 0;
  demand((one->bytes() == other->bytes()) == (first == second), "keys are injective");
  demand((one_stored == other_stored) == first.is_stored_like(second),
         "so are the names that stores see");
  return 0;
}

}  // namespace headrace::fuzz
