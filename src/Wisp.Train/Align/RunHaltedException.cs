namespace Wisp.Train.Align;

/// <summary>A run was stopped because going on would make the model worse; its state is saved.</summary>
public sealed class RunHaltedException(string message) : Exception(message);
