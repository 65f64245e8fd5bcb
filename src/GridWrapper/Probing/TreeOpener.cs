namespace GridWrapper.Probing;

/// <summary>Opens a layer that lies in no directory.</summary>
/// <param name="place">Where it is kept.</param>
/// <param name="layer">Null where it cannot be opened.</param>
/// <returns>0 or an errno.</returns>
internal delegate int TreeOpener(string place, out TreeLayer? layer);
