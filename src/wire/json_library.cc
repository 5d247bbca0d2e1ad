// Boost.JSON's own code, compiled here once for everybody.
#include <boost/json/src.hpp>
