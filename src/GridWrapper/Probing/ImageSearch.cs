using GridWrapper.Images;
using GridWrapper.Sites;

namespace GridWrapper.Probing;

/// <summary>The circumstances of a search for an image: whose rules hold, and for which platform.</summary>
internal sealed record ImageSearch(SiteProfile Site, Platform Platform);
