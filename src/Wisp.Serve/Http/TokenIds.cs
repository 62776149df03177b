using System.Text.Json;

namespace Wisp.Serve.Http;

/// <summary>Lists of token ids in requests.</summary>
internal static class TokenIds
{
    /// <exception cref="ApiException">No list, an empty one, or a number that is no token.</exception>
    public static int[] Read(JsonElement list, string path, int vocabulary)
    {
        if (list.ValueKind != JsonValueKind.Array)
            throw Fields.WrongType(path, "an array of tokens", list);
        if (list.GetArrayLength() == 0)
            throw ApiException.Invalid($"'{path}' holds no tokens.", path, "empty_array");
        return [.. list.EnumerateArray().Select((item, i) =>
            item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out var id) && (uint)id < (uint)vocabulary ? id
            : throw ApiException.Invalid($"'{path}[{i}]' is {item.GetRawText()}; tokens of this model are 0 to " +
                $"{vocabulary - 1}.", $"{path}[{i}]", "invalid_value"))];
    }
}
