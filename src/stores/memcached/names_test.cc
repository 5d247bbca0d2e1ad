#include "stores/memcached/names.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "wire/memcached.h"

namespace headrace::memcached {
namespace {

TEST(Names, AreApartAndFitMemcached) {
  const Names names("app");
  const StoreKey key{{1, 2, 3, 4}};
  const std::set<std::string> all{
      names.slot(key),     names.slot({{2, 1, 3, 4}}), names.slot({{1, 2, 4, 3}}),
      names.beside(key),   names.mark({1, 2}),         names.life(),
      names.trial({1, 2}), Names("app2").slot(key)};
  EXPECT_EQ(all.size(), 8u);
  EXPECT_EQ(names.slot(key),
            "app:s:0000000000000001000000000000000200000000000000030000000000000004");
  EXPECT_TRUE(Names::is_prefix(std::string(prefix_bytes_max, 'p')));
  EXPECT_LE(Names(std::string(prefix_bytes_max, 'p')).slot(key).size(),
            wire::memcached_key_bytes_max);
  for (const std::string bad : {"", "a b", "a\n", "\x7f", "\xc3\xa4"}) {
    EXPECT_FALSE(Names::is_prefix(bad)) << bad;
  }
  EXPECT_FALSE(Names::is_prefix(std::string(prefix_bytes_max + 1, 'p')));
}

// Of ten thousand keys each of four servers has about its share, and when one goes or comes only
// its own keys move.
TEST(OwnerOf, SpreadsEvenlyAndMovesLittle) {
  const std::vector<std::uint64_t> four{11, 22, 33, 44};
  const std::vector<std::uint64_t> three{11, 22, 44};
  const std::vector<std::uint64_t> turned{44, 33, 22, 11};
  std::vector<int> shares(four.size());
  for (std::uint64_t n = 0; n < 10000; ++n) {
    const std::uint64_t hash = hash_of(StoreKey{{n, n + 1, n + 2, n + 3}});
    const std::size_t owner = owner_of(hash, four);
    ++shares[owner];
    EXPECT_EQ(turned[owner_of(hash, turned)], four[owner]);
    if (four[owner] != 33) EXPECT_EQ(three[owner_of(hash, three)], four[owner]);
  }
  for (const int share : shares) {
    EXPECT_GT(share, 2200);
    EXPECT_LT(share, 2800);
  }
}

}  // namespace
}  // namespace headrace::memcached
